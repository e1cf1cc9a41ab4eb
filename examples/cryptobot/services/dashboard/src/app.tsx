import { useEffect, useState, useSyncExternalStore } from "react";
import { Api } from "./api";
import { HealthPanel } from "./panels/health";
import { OrdersPanel } from "./panels/orders";
import { PricesPanel } from "./panels/prices";
import { StrategiesPanel } from "./panels/strategies";
import { Login } from "./login";
import { Session } from "./session";

const session = new Session(localStorage);
const api = new Api(session);
window.addEventListener("storage", session.changed);

export function App() {
  const tokens = useSyncExternalStore(session.subscribe, () => session.tokens);
  return tokens ? <Board /> : <Login api={api} />;
}

function Board() {
  const [email, setEmail] = useState("");
  useEffect(() => {
    api.me().then((me) => setEmail(me.email), () => undefined);
  }, []);

  return (
    <>
      <header className="bar">
        <h1 className="brand">
          <img src="/icon.svg" alt="" width="24" height="24" />
          Cryptobot
        </h1>
        <span className="who" title={email}>
          {email}
        </span>
        <button type="button" className="quiet" onClick={() => void api.logout().catch(() => undefined)}>
          Log out
        </button>
      </header>
      <main className="board">
        <PricesPanel />
        <div className="column">
          <StrategiesPanel api={api} />
          <OrdersPanel api={api} session={session} />
        </div>
        <HealthPanel />
      </main>
    </>
  );
}
