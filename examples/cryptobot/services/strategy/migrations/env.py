from cryptobot_common.migrations import run
from strategy.tables import Base

run("strategy", Base.metadata)
