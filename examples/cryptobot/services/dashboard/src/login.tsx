import { useState, type FormEvent } from "react";
import type { Api } from "./api";

/** Two steps on one card: address and password, then the code of the second factor. */
export function Login({ api }: { api: Api }) {
  const [challenge, setChallenge] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);

  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const field = (name: string): string => String(form.get(name) ?? "");
    setBusy(true);
    setFault(null);
    try {
      if (challenge === null) setChallenge(await api.login(field("email"), field("password")));
      else await api.verify(challenge, field("code").replace(/\s/g, ""));
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="gate">
      <form className="card" onSubmit={(event) => void submit(event)}>
        <h1 className="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          Cryptobot
        </h1>
        {challenge === null ? (
          <>
            <label>
              E-mail
              <input name="email" type="email" autoComplete="username" required autoFocus />
            </label>
            <label>
              Password
              <input name="password" type="password" autoComplete="current-password" required />
            </label>
          </>
        ) : (
          <label key="code">
            Code of your authenticator
            <input name="code" inputMode="numeric" autoComplete="one-time-code" pattern="[0-9 ]{6,7}" required autoFocus />
          </label>
        )}
        {fault && (
          <p className="fault" role="alert">
            {fault}
          </p>
        )}
        <button type="submit" disabled={busy}>
          {challenge === null ? "Continue" : "Log in"}
        </button>
        {challenge !== null && (
          <button type="button" className="quiet" onClick={() => setChallenge(null)}>
            Back
          </button>
        )}
      </form>
    </main>
  );
}
