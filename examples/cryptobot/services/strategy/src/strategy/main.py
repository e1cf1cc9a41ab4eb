"""Create, change, activate and judge strategies."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from cryptobot_common import Service
from cryptobot_common.errors import conflict, not_found
from cryptobot_common.tokens import Anyone, Principal, User
from strategy.tables import Strategy, Version

service = Service("strategy", uses=("database",))
app = service.app


class Rule(BaseModel):
    """What a strategy does; the parameters are read by whoever runs that kind."""

    kind: Literal["moving-average", "momentum"] = "moving-average"
    symbol: str = Field(pattern=r"^[A-Z0-9]{2,10}-[A-Z0-9]{2,10}$", examples=["BTC-USD"])
    parameters: dict[str, float] = Field(default_factory=dict, max_length=20)


class Draft(Rule):
    name: str = Field(min_length=1, max_length=100)


class Activation(BaseModel):
    version: int | None = None


def _view(strategy: Strategy, version: Version) -> dict[str, Any]:
    return {
        "id": strategy.id,
        "name": strategy.name,
        "version": version.number,
        "latest_version": strategy.version,
        "active": strategy.active,
        "active_version": strategy.active_version,
        "kind": version.kind,
        "symbol": version.symbol,
        "parameters": version.parameters,
        "created_at": strategy.created_at,
    }


def _own(session: Session, identity: int, who: Principal, *, lock: bool = False) -> Strategy:
    """The strategy if *who* may see it: its owner, or any service."""
    strategy = session.get(Strategy, identity, with_for_update=lock or None)
    if not strategy or not (who.is_service or strategy.owner == who.subject):
        raise not_found(f"strategy {identity}")
    return strategy


def _version(session: Session, strategy: Strategy, number: int) -> Version:
    found = session.scalar(select(Version).where(Version.strategy_id == strategy.id, Version.number == number))
    if not found:
        raise not_found(f"version {number} of strategy {strategy.id}")
    return found


def _add_version(session: Session, strategy: Strategy, rule: Rule) -> Version:
    version = Version(
        strategy_id=strategy.id,
        number=strategy.version,
        kind=rule.kind,
        symbol=rule.symbol,
        parameters=rule.parameters,
    )
    session.add(version)
    return version


@app.post("/strategies", status_code=201)
def create(draft: Draft, who: User) -> dict[str, Any]:
    with service.database.begin() as session:
        strategy = Strategy(owner=who.subject, name=draft.name, version=1, active=False)
        session.add(strategy)
        session.flush()
        version = _add_version(session, strategy, draft)
    return _view(strategy, version)


@app.get("/strategies")
def index(who: Anyone, active: bool | None = None, limit: int = 100, after: int = 0) -> dict[str, Any]:
    query = (
        select(Strategy, Version)
        .join(Version, (Version.strategy_id == Strategy.id) & (Version.number == Strategy.version))
        .where(Strategy.id > after)
        .order_by(Strategy.id)
        .limit(min(limit, 10_000))
    )
    if not who.is_service:
        query = query.where(Strategy.owner == who.subject)
    if active is not None:
        query = query.where(Strategy.active == active)
    with service.database.begin() as session:
        return {"items": [_view(*row) for row in session.execute(query)]}


@app.get("/strategies/{identity}")
def show(identity: int, who: Anyone, version: int | None = None) -> dict[str, Any]:
    """The latest version, or the one asked for."""
    with service.database.begin() as session:
        strategy = _own(session, identity, who)
        return _view(strategy, _version(session, strategy, version or strategy.version))


@app.put("/strategies/{identity}")
def change(identity: int, rule: Rule, who: User) -> dict[str, Any]:
    """A new version; what is active stays so until it is activated."""
    with service.database.begin() as session:
        strategy = _own(session, identity, who, lock=True)
        strategy.version += 1
        version = _add_version(session, strategy, rule)
    return _view(strategy, version)


@app.delete("/strategies/{identity}", status_code=204)
def remove(identity: int, who: User) -> None:
    with service.database.begin() as session:
        strategy = _own(session, identity, who, lock=True)
        if strategy.active:
            raise conflict("the strategy is active; deactivate it first")
        session.delete(strategy)


@app.get("/strategies/{identity}/versions")
def versions(identity: int, who: Anyone) -> dict[str, Any]:
    with service.database.begin() as session:
        strategy = _own(session, identity, who)
        rows = session.scalars(select(Version).where(Version.strategy_id == strategy.id).order_by(Version.number))
        return {"items": [_view(strategy, row) for row in rows]}


@app.post("/strategies/{identity}/activate")
def activate(identity: int, activation: Activation, who: User) -> dict[str, Any]:
    with service.database.begin() as session:
        strategy = _own(session, identity, who, lock=True)
        version = _version(session, strategy, activation.version or strategy.version)
        strategy.active, strategy.active_version = True, version.number
    return _view(strategy, version)


@app.post("/strategies/{identity}/deactivate")
def deactivate(identity: int, who: User) -> dict[str, Any]:
    with service.database.begin() as session:
        strategy = _own(session, identity, who, lock=True)
        strategy.active, strategy.active_version = False, None
        version = _version(session, strategy, strategy.version)
    return _view(strategy, version)


@app.get("/strategies/{identity}/performance")
def performance(identity: int, who: Anyone) -> dict[str, Any]:
    """How it did in backtests, and what was ordered by it."""
    with service.database.begin() as session:
        _own(session, identity, who)
    backtests = service.peers.get("backtest", "/backtests", strategy_id=identity, limit=20)["items"]
    orders = service.peers.get("trade", "/orders", strategy_id=identity, limit=1000)["items"]
    return {
        "strategy_id": identity,
        "backtests": [{"id": one["id"], "status": one["status"], "result": one["result"]} for one in backtests],
        "orders": len(orders),
        "filled": sum(order["status"] in {"accepted", "filled"} for order in orders),
    }
