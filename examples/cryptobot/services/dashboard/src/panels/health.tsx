import { useEffect, useState } from "react";
import { probe, summary, WAITING, type Health, type Service } from "../health";
import { usePolled } from "../hooks";
import { Panel } from "./panel";

const WORDS = { ok: "healthy", unavailable: "unavailable", unreachable: "unreachable", waiting: "asking…" } as const;
const EVERY_SECONDS = 10;

const loadServices = async (): Promise<Service[]> => (await fetch("/services.json")).json();

export function HealthPanel() {
  const [services, setServices] = useState<Service[]>([]);
  const [found, setFound] = useState<Record<string, Health>>({});
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    loadServices().then(setServices, () => setError("The list of services cannot be loaded."));
  }, []);

  // Each answer is shown as it comes: one slow service does not hide the others.
  const { reload } = usePolled(async () => {
    await Promise.all(
      services.map(async (service) => {
        const health = await probe(service);
        setFound((before) => ({ ...before, [service.name]: health }));
      }),
    );
  }, EVERY_SECONDS);
  useEffect(reload, [services, reload]);

  const { healthy, total, settled } = summary(services, found);
  const note = (
    <span className={`pill ${healthy === total && total ? "good" : settled && total ? "bad" : ""}`} data-settled={settled && total > 0}>
      {healthy} of {total} healthy
    </span>
  );
  return (
    <Panel name="health" title="Services" note={note} error={error}>
      <ul className="services">
        {services.map((service) => (
          <Row key={service.name} name={service.name} health={found[service.name] ?? WAITING} />
        ))}
      </ul>
    </Panel>
  );
}

function Row({ name, health }: { name: string; health: Health }) {
  return (
    <li data-service={name} data-state={health.state}>
      <span className="dot" aria-hidden="true" />
      <span className="name">{name}</span>
      <span className="detail">
        {health.state === "ok" && health.version && <span className="version">v{health.version} · </span>}
        {health.state === "ok" ? `${Math.round(health.ms)} ms` : WORDS[health.state]}
      </span>
      {health.faults.map((fault) => (
        <span key={fault} className="fault">
          {fault}
        </span>
      ))}
    </li>
  );
}
