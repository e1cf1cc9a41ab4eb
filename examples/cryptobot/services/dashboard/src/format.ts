/** Numbers and times as a trader reads them, in the reader's own language. */
export function money(value: string | number | null): string {
  if (value === null || value === "") return "market";
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  const digits = Math.abs(number) >= 1 ? 2 : 6;
  return number.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: digits });
}

export function amount(value: string | number): string {
  const number = Number(value);
  return Number.isFinite(number) ? number.toLocaleString(undefined, { maximumFractionDigits: 8 }) : String(value);
}

export function percent(fraction: number): string {
  const sign = fraction > 0 ? "+" : "";
  return `${sign}${(fraction * 100).toFixed(2)} %`;
}

export function time(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return date.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}
