import { useEffect, useState } from "react";
import type { Api, Order } from "../api";
import { amount, money, time } from "../format";
import { usePolled } from "../hooks";
import { follow } from "../live";
import type { Session } from "../session";
import { Panel } from "./panel";

const MODES = ["all", "paper", "live"] as const;
type Mode = (typeof MODES)[number];

const TONES: Record<string, string> = { filled: "good", accepted: "good", rejected: "bad", failed: "bad" };

export function OrdersPanel({ api, session }: { api: Api; session: Session }) {
  const [mode, setMode] = useState<Mode>("all");
  const { value, error, reload } = usePolled(api.orders, 15);

  // The gateway says that something happened; what, is read from where orders are kept.
  useEffect(() => {
    const protocols = (): string[] => ["bearer", session.tokens?.access ?? ""].filter(Boolean);
    const link = follow("/ws/orders", reload, () => undefined, protocols);
    return () => link.close();
  }, [reload, session]);

  const shown = value?.filter((order) => mode === "all" || order.mode === mode) ?? [];
  const empty = value === null ? (error ? null : "Loading…") : shown.length === 0 ? `No ${mode === "all" ? "" : `${mode} `}order yet.` : null;
  const choice = (
    <div className="choice" role="group" aria-label="Which orders">
      {MODES.map((name) => (
        <button key={name} type="button" aria-pressed={mode === name} onClick={() => setMode(name)}>
          {name}
        </button>
      ))}
    </div>
  );
  return (
    <Panel name="orders" title="Orders" note={choice} error={error} empty={empty}>
      <ul className="rows">
        {shown.map((order) => (
          <Row key={order.client_order_id} order={order} />
        ))}
      </ul>
    </Panel>
  );
}

function Row({ order }: { order: Order }) {
  return (
    <li data-order={order.client_order_id} data-mode={order.mode}>
      <span className="main">
        <b className={order.side === "buy" ? "up" : "down"}>{order.side}</b> {amount(order.quantity)} <span className="whole">{order.symbol}</span>{" "}
        <span className="whole at">at {money(order.price)}</span>
      </span>
      <span className={`tag ${TONES[order.status] ?? ""}`}>{order.status}</span>
      <span className="sub">
        {order.mode} · {time(order.created_at)} · <code>{order.client_order_id}</code>
      </span>
    </li>
  );
}
