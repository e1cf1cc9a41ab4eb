from cryptobot_common.migrations import run
from trade.tables import Base

run("trade", Base.metadata)
