from cryptobot_common.migrations import run
from auth.tables import Base

run("auth", Base.metadata)
