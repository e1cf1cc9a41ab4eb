import { useCallback, useEffect, useRef, useState } from "react";

export interface Polled<T> {
  value: T | null;
  error: string | null;
  reload: () => void;
}

/** Calls `load` now, every `seconds` while the page is visible, and on `reload`. The last good value stays shown. */
export function usePolled<T>(load: () => Promise<T>, seconds: number): Polled<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<string | null>(null);
  const latest = useRef(load);
  latest.current = load;
  const alive = useRef(true);

  const reload = useCallback(() => {
    latest.current().then(
      (found) => {
        if (!alive.current) return;
        setValue(found);
        setError(null);
      },
      (problem: unknown) => alive.current && setError(problem instanceof Error ? problem.message : String(problem)),
    );
  }, []);

  useEffect(() => {
    alive.current = true;
    reload();
    const timer = setInterval(() => document.hidden || reload(), seconds * 1000);
    return () => {
      alive.current = false;
      clearInterval(timer);
    };
  }, [reload, seconds]);

  return { value, error, reload };
}
