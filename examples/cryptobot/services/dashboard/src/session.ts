/** The two tokens of a login, kept over reloads and shared by the browser's tabs. */
export interface Tokens {
  access: string;
  refresh: string;
}

/** What auth answers to a login and to a refresh. */
export interface TokenAnswer {
  access_token: string;
  refresh_token: string;
}

type Keeper = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const KEY = "cryptobot.session";

export class Session {
  private listeners = new Set<() => void>();
  /** The parsed value belongs to this text: React wants the same object until something changes. */
  private text: string | null = null;
  private parsed: Tokens | null = null;

  constructor(private readonly keeper: Keeper) {}

  get tokens(): Tokens | null {
    const text = this.keeper.getItem(KEY);
    if (text !== this.text) {
      this.text = text;
      this.parsed = parse(text);
    }
    return this.parsed;
  }

  open(answer: TokenAnswer): void {
    this.keeper.setItem(KEY, JSON.stringify({ access: answer.access_token, refresh: answer.refresh_token }));
    this.changed();
  }

  close(): void {
    this.keeper.removeItem(KEY);
    this.changed();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Also called when another tab has logged in or out. */
  changed = (): void => this.listeners.forEach((listener) => listener());
}

function parse(text: string | null): Tokens | null {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    const { access, refresh } = (value ?? {}) as Partial<Tokens>;
    return access && refresh ? { access, refresh } : null;
  } catch {
    return null;
  }
}
