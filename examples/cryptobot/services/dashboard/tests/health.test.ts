import { describe, expect, it } from "vitest";
import { judge, probe, summary } from "../src/health";

describe("health", () => {
  it.each([
    ["a ready service", 200, { status: "ok", version: "1.0.0", checks: { database: "ok" } }, "ok"],
    ["a service without its database", 503, { status: "unavailable", checks: { database: "down: refused" } }, "unavailable"],
    ["the edge without a backend", 503, null, "unreachable"],
    ["a page where JSON is expected", 200, null, "unreachable"],
    ["a path that is not there", 404, { status: "ok" }, "unreachable"],
    ["something that is no object", 200, "ok", "unreachable"],
  ])("of %s", (_, status, body, state) => {
    expect(judge(status, body, 1).state).toBe(state);
  });

  it("names what is down", () => {
    const body = { status: "unavailable", checks: { database: "ok", redis: "down: no answer" } };
    expect(judge(503, body, 1).faults).toEqual(["redis: down: no answer"]);
  });

  it("is unreachable where nothing answers", async () => {
    const health = await probe({ name: "auth", health: "/x" }, () => Promise.reject(new TypeError("network")));
    expect(health).toMatchObject({ state: "unreachable", faults: ["no answer"] });
  });

  it("is settled when every service has answered", () => {
    const services = ["a", "b"].map((name) => ({ name, health: "/x" }));
    const ok = judge(200, { status: "ok" }, 1);
    expect(summary(services, { a: ok })).toEqual({ healthy: 1, total: 2, settled: false });
    expect(summary(services, { a: ok, b: judge(0, null, 1) })).toEqual({ healthy: 1, total: 2, settled: true });
  });
});
