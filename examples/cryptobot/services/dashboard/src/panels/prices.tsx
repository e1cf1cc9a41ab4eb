import { useEffect, useState } from "react";
import { money, percent } from "../format";
import { follow, type LinkState } from "../live";
import { change, isPrice, spark, update, type Quote } from "../prices";
import { Panel } from "./panel";

const WORDS: Record<LinkState, string> = { connecting: "connecting…", open: "live", closed: "reconnecting…" };

export function PricesPanel() {
  const [quotes, setQuotes] = useState<Record<string, Quote>>({});
  const [state, setState] = useState<LinkState>("connecting");

  useEffect(() => {
    const link = follow("/ws/prices", (value) => isPrice(value) && setQuotes((before) => update(before, value)), setState);
    return () => link.close();
  }, []);

  const shown = Object.values(quotes).sort((one, other) => one.symbol.localeCompare(other.symbol));
  const note = (
    <span className={`pill ${state === "open" ? "good" : ""}`} data-link={state}>
      {WORDS[state]}
    </span>
  );
  return (
    <Panel name="prices" title="Prices" note={note} empty={shown.length ? null : "No price yet."}>
      <ul className="quotes">
        {shown.map((quote) => (
          <Tile key={quote.symbol} quote={quote} />
        ))}
      </ul>
    </Panel>
  );
}

function Tile({ quote }: { quote: Quote }) {
  const moved = change(quote);
  const tone = moved > 0 ? "up" : moved < 0 ? "down" : "flat";
  return (
    <li data-symbol={quote.symbol} data-price={quote.price}>
      <span className="name">{quote.symbol}</span>
      <span className="value">{money(quote.price)}</span>
      <span className={`moved ${tone}`}>{percent(moved)}</span>
      <svg className={tone} viewBox="0 -2 100 28" preserveAspectRatio="none" aria-hidden="true">
        <polyline points={spark(quote.history, 100, 24)} />
      </svg>
    </li>
  );
}
