from backtest.tables import Base
from cryptobot_common.migrations import run

run("backtest", Base.metadata)
