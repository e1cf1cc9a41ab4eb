-- An order is committed as pending before the exchange hears of it: after a crash the row says what may have been sent.
CREATE TABLE orders (
    client_order_id   text PRIMARY KEY,
    owner             text NOT NULL,
    symbol            text NOT NULL,
    side              text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity          numeric NOT NULL CHECK (quantity > 0),
    price             numeric CHECK (price > 0),
    status            text NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    exchange_order_id text,
    reason            text,
    claimed_until     timestamptz NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX orders_by_owner ON orders (owner, created_at DESC);

CREATE TABLE order_events (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_order_id text NOT NULL REFERENCES orders (client_order_id),
    status          text NOT NULL,
    request_id      text NOT NULL,
    at              timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX order_events_by_order ON order_events (client_order_id, id);
