/** A WebSocket that comes back: after 0.5, 1, 2, 4, 8 s, and at once when the browser is online again. */
export type LinkState = "connecting" | "open" | "closed";

export interface Link {
  close(): void;
}

const FIRST_MS = 500;
const LAST_MS = 8000;

export const delay = (failures: number): number => Math.min(FIRST_MS * 2 ** failures, LAST_MS);

export function address(path: string, page: Pick<Location, "protocol" | "host">): string {
  return `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}${path}`;
}

/** `protocols` is asked at each attempt: a token may have been renewed since the last. */
export function follow(
  path: string,
  onMessage: (value: unknown) => void,
  onState: (state: LinkState) => void,
  protocols: () => string[] = () => [],
): Link {
  let failures = 0;
  let ended = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let socket: WebSocket | undefined;

  const connect = (): void => {
    onState("connecting");
    socket = new WebSocket(address(path, location), protocols());
    socket.onopen = () => {
      failures = 0;
      onState("open");
    };
    socket.onmessage = (event) => {
      try {
        onMessage(JSON.parse(String(event.data)));
      } catch {
        // One unreadable message is no reason to lose the stream.
      }
    };
    socket.onclose = () => {
      if (ended) return;
      onState("closed");
      timer = setTimeout(connect, delay(failures++));
    };
  };
  const online = (): void => {
    if (socket?.readyState !== WebSocket.CLOSED) return;
    clearTimeout(timer);
    connect();
  };
  window.addEventListener("online", online);
  connect();
  return {
    close() {
      ended = true;
      clearTimeout(timer);
      window.removeEventListener("online", online);
      socket?.close();
    },
  };
}
