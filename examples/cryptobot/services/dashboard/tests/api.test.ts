import { describe, expect, it } from "vitest";
import { Api, Problem } from "../src/api";
import { Session } from "../src/session";

type Answer = [status: number, body: unknown];

function memory(): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

/** An API whose server answers by path and token, and remembers what it was asked. */
function given(answer: (path: string, token: string) => Answer | null) {
  const asked: string[] = [];
  const session = new Session(memory());
  const api = new Api(session, async (input, init) => {
    const path = String(input);
    asked.push(path);
    const token = new Headers(init?.headers).get("Authorization")?.slice("Bearer ".length) ?? "";
    const found = answer(path, token);
    if (!found) throw new TypeError("network");
    return new Response(JSON.stringify(found[1]), { status: found[0] });
  });
  return { api, session, asked };
}

const pair = (name: string) => ({ access_token: `${name}-access`, refresh_token: `${name}-refresh` });

describe("a login", () => {
  it("takes two steps and opens the session with the second", async () => {
    const { api, session } = given((path) => (path.endsWith("/verify") ? [200, pair("new")] : [200, { challenge: "c" }]));
    const challenge = await api.login("a@example.org", "secret");
    expect(session.tokens).toBeNull();
    await api.verify(challenge, "123456");
    expect(session.tokens).toEqual({ access: "new-access", refresh: "new-refresh" });
  });

  it("says what the server says", async () => {
    const { api } = given(() => [401, { error: { code: "unauthorized", message: "the password is wrong" } }]);
    await expect(api.login("a@example.org", "x")).rejects.toThrow("the password is wrong");
  });
});

describe("a token that has run out", () => {
  it("is renewed once for calls that fail together, and they are repeated", async () => {
    const { api, session, asked } = given((path, token) => {
      if (path === "/api/auth/refresh") return [200, pair("new")];
      return token === "new-access" ? [200, { items: [] }] : [401, {}];
    });
    session.open(pair("old"));
    await expect(Promise.all([api.strategies(), api.orders()])).resolves.toEqual([[], []]);
    expect(asked.filter((path) => path.endsWith("/refresh"))).toHaveLength(1);
    expect(session.tokens?.access).toBe("new-access");
  });

  it("ends the session when auth refuses", async () => {
    const { api, session } = given(() => [401, {}]);
    session.open(pair("old"));
    await expect(api.strategies()).rejects.toBeInstanceOf(Problem);
    expect(session.tokens).toBeNull();
  });

  it.each([["is away", null], ["is unavailable", [503, {}] as Answer]])("keeps the session while auth %s", async (_, refresh) => {
    const { api, session } = given((path) => (path === "/api/auth/refresh" ? refresh : [401, {}]));
    session.open(pair("old"));
    await expect(api.strategies()).rejects.toBeInstanceOf(Problem);
    expect(session.tokens?.access).toBe("old-access");
  });
});

describe("the session", () => {
  it("closes at a logout that nobody answers", async () => {
    const { api, session } = given(() => null);
    session.open(pair("old"));
    await expect(api.logout()).rejects.toThrow("cannot be reached");
    expect(session.tokens).toBeNull();
  });

  it("is the same object until it changes, and none where the store holds something else", () => {
    const store = memory();
    const session = new Session(store);
    session.open(pair("old"));
    expect(session.tokens).toBe(session.tokens);
    store.setItem("cryptobot.session", "{");
    expect(session.tokens).toBeNull();
  });
});
