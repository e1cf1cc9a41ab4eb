import type { Price } from "./api";

/** A symbol's price and how it came there. */
export interface Quote {
  symbol: string;
  price: number;
  at: string;
  /** Latest last. */
  history: number[];
}

const KEPT = 60;

export function isPrice(value: unknown): value is Price {
  const price = value as Partial<Price> | null;
  return typeof price?.symbol === "string" && Number.isFinite(Number(price.price)) && typeof price.at === "string";
}

/** A repeated or older tick changes nothing, as after a reconnection that sends the latest prices again. */
export function update(quotes: Record<string, Quote>, tick: Price): Record<string, Quote> {
  const before = quotes[tick.symbol];
  if (before && Date.parse(before.at) >= Date.parse(tick.at)) return quotes;
  const price = Number(tick.price);
  const history = [...(before?.history ?? []), price].slice(-KEPT);
  return { ...quotes, [tick.symbol]: { symbol: tick.symbol, price, at: tick.at, history } };
}

/** Change since the first price seen, as a fraction. */
export function change(quote: Quote): number {
  const first = quote.history[0] ?? quote.price;
  return first === 0 ? 0 : quote.price / first - 1;
}

/** The points of an SVG polyline in a box of the given size; what did not move is a line through the middle. */
export function spark(history: number[], width: number, height: number): string {
  const low = Math.min(...history);
  const range = Math.max(...history) - low;
  const points = history.length > 1 ? history : [...history, ...history];
  const step = width / Math.max(points.length - 1, 1);
  const y = (price: number): number => (range ? height - ((price - low) / range) * height : height / 2);
  return points.map((price, index) => `${(index * step).toFixed(1)},${y(price).toFixed(1)}`).join(" ");
}
