from cryptobot_common.migrations import run
from trading_api.tables import Base

run("trading-api", Base.metadata)
