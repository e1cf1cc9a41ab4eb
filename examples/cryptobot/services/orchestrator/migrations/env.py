from cryptobot_common.migrations import run
from orchestrator.tables import Base

run("orchestrator", Base.metadata)
