/** What a service's own readiness says, seen through the edge. */
export interface Service {
  name: string;
  health: string;
}

export type State = "ok" | "unavailable" | "unreachable" | "waiting";

export interface Health {
  state: State;
  version: string;
  /** The checks that are not `ok`, as `redis: down: …`. */
  faults: string[];
  /** Time to answer in milliseconds. */
  ms: number;
}

export const WAITING: Health = { state: "waiting", version: "", faults: [], ms: 0 };

const LIMIT_MS = 6000;

/** An answer counts only if it is the JSON of a service: a proxy's page with status 200 is not health. */
export function judge(status: number, body: unknown, ms: number): Health {
  const answer = (typeof body === "object" && body !== null ? body : {}) as {
    status?: string;
    version?: string;
    checks?: Record<string, string>;
  };
  const faults = Object.entries(answer.checks ?? {})
    .filter(([, verdict]) => verdict !== "ok")
    .map(([name, verdict]) => `${name}: ${verdict}`);
  const version = answer.version ?? "";
  if (status === 200 && answer.status === "ok") return { state: "ok", version, faults, ms };
  if (answer.status === "unavailable") return { state: "unavailable", version, faults, ms };
  return { state: "unreachable", version, faults: [status ? `answered ${status}` : "no answer"], ms };
}

export async function probe(service: Service, fetcher: typeof fetch = fetch): Promise<Health> {
  const started = performance.now();
  try {
    const response = await fetcher(service.health, { cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) });
    const body: unknown = await response.json().catch(() => null);
    return judge(response.status, body, performance.now() - started);
  } catch {
    return judge(0, null, performance.now() - started);
  }
}

export function summary(services: Service[], found: Record<string, Health>): { healthy: number; total: number; settled: boolean } {
  const states = services.map((service) => (found[service.name] ?? WAITING).state);
  return {
    healthy: states.filter((state) => state === "ok").length,
    total: states.length,
    settled: states.every((state) => state !== "waiting"),
  };
}
