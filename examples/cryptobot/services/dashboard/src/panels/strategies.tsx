import type { Api, Strategy } from "../api";
import { usePolled } from "../hooks";
import { Panel } from "./panel";

function details(strategy: Strategy): string {
  const parameters = Object.entries(strategy.parameters ?? {}).map(([name, value]) => `${name} ${String(value)}`);
  return [strategy.symbol, `version ${strategy.version}`, strategy.kind, ...parameters].join(" · ");
}

export function StrategiesPanel({ api }: { api: Api }) {
  const { value, error } = usePolled(api.strategies, 15);
  const active = value?.filter((strategy) => strategy.active).length ?? 0;
  const empty = value === null ? (error ? null : "Loading…") : value.length === 0 ? "No strategy yet." : null;
  return (
    <Panel
      name="strategies"
      title="Strategies"
      note={value && <span className="pill">{active} active</span>}
      error={error}
      empty={empty}
    >
      <ul className="rows">
        {value?.map((strategy) => (
          <li key={strategy.id} data-strategy={strategy.name}>
            <span className="main">{strategy.name}</span>
            <span className={`tag ${strategy.active ? "good" : ""}`}>{strategy.active ? "active" : "paused"}</span>
            <span className="sub" title={details(strategy)}>
              {details(strategy)}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
