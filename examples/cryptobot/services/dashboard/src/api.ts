import type { Session, TokenAnswer } from "./session";

/** An answer other than success; `status` is 0 where there was no answer at all. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface Strategy {
  id: number | string;
  name: string;
  kind: string;
  symbol: string;
  parameters: Record<string, unknown>;
  version: number;
  active: boolean;
}

export interface Order {
  client_order_id: string;
  symbol: string;
  side: "buy" | "sell";
  quantity: string | number;
  price: string | number | null;
  status: string;
  mode: "paper" | "live";
  created_at: string;
}

export interface Price {
  symbol: string;
  price: string | number;
  at: string;
}

interface Items<T> {
  items: T[];
}

type Fetch = typeof fetch;

/** Calls of the page's own origin, `/api/<service>/…`, with the session's token. */
export class Api {
  private renewal: Promise<boolean> | null = null;

  constructor(
    private readonly session: Session,
    private readonly fetch: Fetch = (...request) => globalThis.fetch(...request),
  ) {}

  /** The first half of a login: a challenge that a code of the second factor answers. */
  async login(email: string, password: string): Promise<string> {
    const answer = await this.send<{ challenge: string }>("POST", "/api/auth/login", { email, password });
    return answer.challenge;
  }

  async verify(challenge: string, code: string): Promise<void> {
    this.session.open(await this.send<TokenAnswer>("POST", "/api/auth/login/verify", { challenge, code }));
  }

  /** Ends the session here even where auth does not answer. */
  async logout(): Promise<void> {
    try {
      await this.call("POST", "/api/auth/logout");
    } finally {
      this.session.close();
    }
  }

  me = (): Promise<{ email: string }> => this.call("GET", "/api/auth/me");
  strategies = async (): Promise<Strategy[]> => (await this.call<Items<Strategy>>("GET", "/api/strategy/strategies")).items;
  orders = async (): Promise<Order[]> => (await this.call<Items<Order>>("GET", "/api/trade/orders?limit=50")).items;

  /** As the user: an access token that has run out is renewed once, whoever notices first. */
  private async call<T>(method: string, path: string): Promise<T> {
    const token = this.session.tokens?.access;
    try {
      return await this.send<T>(method, path, undefined, token);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      // Another call, or another tab, may have renewed it in the meantime.
      const known = this.session.tokens?.access;
      if (known === token && !(await this.renew())) throw error;
      return this.send<T>(method, path, undefined, this.session.tokens?.access);
    }
  }

  renew(): Promise<boolean> {
    this.renewal ??= this.exchange().finally(() => (this.renewal = null));
    return this.renewal;
  }

  private async exchange(): Promise<boolean> {
    const refresh = this.session.tokens?.refresh;
    if (!refresh) return false;
    try {
      this.session.open(await this.send<TokenAnswer>("POST", "/api/auth/refresh", { refresh_token: refresh }));
      return true;
    } catch (error) {
      // Only a refusal ends the session: an auth that is away for a moment logs nobody out.
      if (error instanceof Problem && error.status >= 400 && error.status < 500) this.session.close();
      return false;
    }
  }

  private async send<T>(method: string, path: string, body?: unknown, token?: string): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response: Response;
    try {
      response = await this.fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new Problem(0, "unreachable", "The server cannot be reached.");
    }
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok) return answer as T;
    const fault = (answer as { error?: { code?: string; message?: string } } | null)?.error;
    throw new Problem(response.status, fault?.code ?? "http", fault?.message ?? `The server answered ${response.status}.`);
  }
}
