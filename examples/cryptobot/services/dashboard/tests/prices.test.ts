import { describe, expect, it } from "vitest";
import { amount, money, percent } from "../src/format";
import { address, delay } from "../src/live";
import { change, isPrice, spark, update, type Quote } from "../src/prices";

const tick = (price: string, second: number) => ({ symbol: "BTC-USD", price, at: `2026-01-01T00:00:0${second}+00:00` });
const after = (...ticks: ReturnType<typeof tick>[]): Quote =>
  ticks.reduce(update, {} as Record<string, Quote>)["BTC-USD"] as Quote;

describe("a quote", () => {
  it("follows newer ticks and ignores repeated and older ones", () => {
    const quote = after(tick("100", 1), tick("110", 3), tick("110", 3), tick("90", 2));
    expect(quote).toMatchObject({ price: 110, history: [100, 110] });
    expect(change(quote)).toBeCloseTo(0.1);
  });

  it("keeps a bounded history", () => {
    let quotes: Record<string, Quote> = {};
    for (let n = 0; n < 200; n++) quotes = update(quotes, { symbol: "X", price: n, at: new Date(n).toISOString() });
    expect(quotes["X"]?.history).toHaveLength(60);
  });

  it("is drawn inside its box, a flat one and a single one too", () => {
    expect(spark([1, 3, 2], 100, 20)).toBe("0.0,20.0 50.0,0.0 100.0,10.0");
    expect(spark([5], 100, 20)).toBe("0.0,10.0 100.0,10.0");
    expect(spark([], 100, 20)).toBe("");
  });

  it("is known from other messages", () => {
    expect(isPrice(tick("1.5", 1))).toBe(true);
    for (const other of [null, 1, {}, { symbol: "X", price: "n/a", at: "" }]) expect(isPrice(other)).toBe(false);
  });
});

describe("the stream", () => {
  it("waits longer after each failure, up to a limit", () => {
    expect([0, 1, 2, 3, 4, 9].map(delay)).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
  });

  it("is encrypted where the page is", () => {
    expect(address("/ws/prices", { protocol: "https:", host: "x.example" })).toBe("wss://x.example/ws/prices");
    expect(address("/ws/prices", { protocol: "http:", host: "x:8" })).toBe("ws://x:8/ws/prices");
  });
});

describe("a number", () => {
  it("is shown as it is meant", () => {
    expect(money(null)).toBe("market");
    expect(money("0.000123")).toContain("0.000123");
    expect(money("odd")).toBe("odd");
    expect(amount("0.25000000")).toBe((0.25).toLocaleString());
    expect([percent(0.0123), percent(-0.5), percent(0)]).toEqual(["+1.23 %", "-50.00 %", "0.00 %"]);
  });
});
