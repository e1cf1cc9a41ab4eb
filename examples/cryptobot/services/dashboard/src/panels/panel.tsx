import type { ReactNode } from "react";

interface Props {
  name: string;
  title: string;
  note?: ReactNode;
  error?: string | null;
  /** Shown instead of the children; a section is never blank. */
  empty?: string | null;
  children: ReactNode;
}

export function Panel({ name, title, note, error, empty, children }: Props) {
  return (
    <section className={`panel ${name}`} aria-labelledby={name} data-panel={name}>
      <div className="head">
        <h2 id={name}>{title}</h2>
        {note}
      </div>
      {error && (
        <p className="fault" role="alert">
          {error}
        </p>
      )}
      {empty ? <p className="empty">{empty}</p> : children}
    </section>
  );
}
