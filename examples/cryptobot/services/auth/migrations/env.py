from auth.tables import Base
from cryptobot_common.migrations import run

run("auth", Base.metadata)
