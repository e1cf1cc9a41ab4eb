//! Orders: what a good one looks like, and its way pending → accepted or rejected, once.
//!
//! The row is committed before the exchange hears of the order, and carries a claim: until `claimed_until` one request
//! alone may speak with the exchange about it. Whoever claims a row that is not new asks the exchange first.

use serde::{Deserialize, Deserializer, Serialize};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::Row;
use std::time::Duration;

use crate::auth::Caller;
use crate::exchange::Verdict;
use crate::telemetry::request_id;

/// A decimal as it was written: a float between here and the exchange would round it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Decimal(String);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            other => return Err(serde::de::Error::custom(format!("{other} is not a decimal number"))),
        };
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a positive decimal number")))
    }
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| (1..=18).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let positive = text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
        (digits(whole) && digits(fraction) && positive).then(|| Self(text.to_owned()))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Buy,
    Sell,
}

/// What a client asks for; also what the exchange gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub client_order_id: String,
    pub symbol: String,
    pub side: Side,
    pub quantity: Decimal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Decimal>,
}

impl Draft {
    pub fn check(&self) -> Result<(), String> {
        let word = |text: &str, longest: usize, also: &[u8]| {
            (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
        };
        if !word(&self.client_order_id, 64, b"-_.:") {
            return Err("client_order_id: 1 to 64 letters, digits, '-', '_', '.' or ':'".to_owned());
        }
        if !word(&self.symbol, 24, b"-/_") {
            return Err("symbol: 1 to 24 letters, digits, '-', '/' or '_', as in BTC-USD".to_owned());
        }
        Ok(())
    }

    fn side(&self) -> &'static str {
        match self.side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Order {
    pub client_order_id: String,
    #[serde(skip)]
    pub owner: String,
    pub symbol: String,
    pub side: String,
    pub quantity: String,
    pub price: Option<String>,
    pub status: String,
    pub exchange_order_id: Option<String>,
    pub reason: Option<String>,
    pub created_at: String,
}

const COLUMNS: &str = "client_order_id, owner, symbol, side, trim_scale(quantity)::text AS quantity, trim_scale(price)::text AS price, \
                       status, exchange_order_id, reason, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS created_at";

fn order(row: &PgRow) -> Result<Order, sqlx::Error> {
    Ok(Order {
        client_order_id: row.try_get("client_order_id")?,
        owner: row.try_get("owner")?,
        symbol: row.try_get("symbol")?,
        side: row.try_get("side")?,
        quantity: row.try_get("quantity")?,
        price: row.try_get("price")?,
        status: row.try_get("status")?,
        exchange_order_id: row.try_get("exchange_order_id")?,
        reason: row.try_get("reason")?,
        created_at: row.try_get("created_at")?,
    })
}

/// What became of a request to place an order.
pub enum Reserved {
    /// The row is new: the exchange cannot know it.
    New,
    /// The row was left undecided, and its claim is now ours: ask the exchange first.
    Reclaimed,
    /// Decided, or another request is at it.
    Known(Box<Order>),
    /// The id belongs to another order.
    Taken,
}

#[derive(Clone)]
pub struct Store {
    pub pool: PgPool,
    /// Longer than the exchange may take to answer.
    pub claim: Duration,
}

impl Store {
    pub async fn reserve(&self, draft: &Draft, owner: &str) -> Result<Reserved, sqlx::Error> {
        let seconds = self.claim.as_secs_f64();
        let inserted = sqlx::query(
            "WITH made AS (INSERT INTO orders (client_order_id, owner, symbol, side, quantity, price, status, claimed_until) \
             VALUES ($1, $2, $3, $4, $5::numeric, $6::numeric, 'pending', now() + make_interval(secs => $7)) \
             ON CONFLICT DO NOTHING RETURNING client_order_id, status) \
             INSERT INTO order_events (client_order_id, status, request_id) SELECT client_order_id, status, $8 FROM made",
        )
        .bind(&draft.client_order_id)
        .bind(owner)
        .bind(&draft.symbol)
        .bind(draft.side())
        .bind(&draft.quantity.0)
        .bind(draft.price.as_ref().map(|price| &price.0))
        .bind(seconds)
        .bind(request_id())
        .execute(&self.pool)
        .await?;
        if inserted.rows_affected() == 1 {
            return Ok(Reserved::New);
        }
        let same = sqlx::query(
            "SELECT owner = $2 AND symbol = $3 AND side = $4 AND quantity = $5::numeric \
             AND price IS NOT DISTINCT FROM $6::numeric FROM orders WHERE client_order_id = $1",
        )
        .bind(&draft.client_order_id)
        .bind(owner)
        .bind(&draft.symbol)
        .bind(draft.side())
        .bind(&draft.quantity.0)
        .bind(draft.price.as_ref().map(|price| &price.0))
        .fetch_one(&self.pool)
        .await?;
        if !same.try_get::<bool, _>(0)? {
            return Ok(Reserved::Taken);
        }
        let claimed = sqlx::query(
            "UPDATE orders SET claimed_until = now() + make_interval(secs => $2) \
             WHERE client_order_id = $1 AND status = 'pending' AND claimed_until < now()",
        )
        .bind(&draft.client_order_id)
        .bind(seconds)
        .execute(&self.pool)
        .await?;
        if claimed.rows_affected() == 1 {
            return Ok(Reserved::Reclaimed);
        }
        let known = self.fetch(&draft.client_order_id).await?;
        known.map(|order| Reserved::Known(Box::new(order))).ok_or(sqlx::Error::RowNotFound)
    }

    /// Writes the exchange's verdict and the event of it in one statement.
    pub async fn decide(&self, client_order_id: &str, verdict: &Verdict) -> Result<Order, sqlx::Error> {
        let (status, exchange_order_id, reason) = match verdict {
            Verdict::Accepted { exchange_order_id } => ("accepted", Some(exchange_order_id), None),
            Verdict::Rejected { reason } => ("rejected", None, Some(reason)),
        };
        let statement = format!(
            "WITH decided AS (UPDATE orders SET status = $2, exchange_order_id = $3, reason = $4, updated_at = now() \
             WHERE client_order_id = $1 RETURNING *), event AS (INSERT INTO order_events (client_order_id, status, request_id) \
             SELECT client_order_id, status, $5 FROM decided) SELECT {COLUMNS} FROM decided"
        );
        let row = sqlx::query(&statement)
            .bind(client_order_id)
            .bind(status)
            .bind(exchange_order_id)
            .bind(reason)
            .bind(request_id())
            .fetch_one(&self.pool)
            .await?;
        order(&row)
    }

    /// Lets the next request try at once; without it that one waits for the claim to end.
    pub async fn release(&self, client_order_id: &str) -> Result<(), sqlx::Error> {
        let statement = "UPDATE orders SET claimed_until = now() WHERE client_order_id = $1 AND status = 'pending'";
        sqlx::query(statement).bind(client_order_id).execute(&self.pool).await.map(drop)
    }

    pub async fn fetch(&self, client_order_id: &str) -> Result<Option<Order>, sqlx::Error> {
        let statement = format!("SELECT {COLUMNS} FROM orders WHERE client_order_id = $1");
        let row = sqlx::query(&statement).bind(client_order_id).fetch_optional(&self.pool).await?;
        row.as_ref().map(order).transpose()
    }

    pub async fn list(&self, caller: &Caller, limit: i64) -> Result<Vec<Order>, sqlx::Error> {
        let statement = format!(
            "SELECT {COLUMNS} FROM orders WHERE $1 OR owner = $2 ORDER BY orders.created_at DESC, client_order_id LIMIT $3"
        );
        let rows = sqlx::query(&statement).bind(caller.internal).bind(&caller.subject).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(order).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_kept_as_written() {
        for good in ["1", "0.5", "00000.00010", "123456789012345678.5"] {
            assert_eq!(Decimal::parse(good), Some(Decimal(good.to_owned())));
        }
        for bad in ["", "0", "0.00", "-1", "+1", "1e9", "1.", ".5", "1,5", "NaN", "1234567890123456789", "1 "] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_order_takes_numbers_and_strings() {
        let draft: Draft = serde_json::from_str(
            r#"{"client_order_id": "a-1", "symbol": "BTC-USD", "side": "buy", "quantity": 0.25, "price": "64000.10"}"#,
        )
        .unwrap();
        assert_eq!((draft.quantity.0.as_str(), draft.price.as_ref().unwrap().0.as_str()), ("0.25", "64000.10"));
        assert!(draft.check().is_ok());
        assert!(
            serde_json::from_str::<Draft>(r#"{"client_order_id": "a", "symbol": "B", "side": "hold", "quantity": 1}"#).is_err()
        );
    }

    #[test]
    fn an_id_that_could_leave_its_place_in_a_url_is_refused() {
        let draft = |id: &str, symbol: &str| Draft {
            client_order_id: id.to_owned(),
            symbol: symbol.to_owned(),
            side: Side::Sell,
            quantity: Decimal("1".to_owned()),
            price: None,
        };
        assert!(draft("order:1_a.b", "BTC/USDT").check().is_ok());
        for id in ["", "a&b", "a b", "a/../b", "ü", &"x".repeat(65)] {
            assert!(draft(id, "BTC-USD").check().is_err(), "{id}");
        }
        assert!(draft("a", "BTC USD").check().is_err());
    }
}
