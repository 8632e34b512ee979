from functools import lru_cache

from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """What the reference reads from the environment, under the names the guides use."""

    database_url: str
    pool_size: int = 20
    max_overflow: int = 40
    redis_enabled: bool = False
    redis_url: str = "redis://localhost:6379/0"
    cache_ttl_seconds: int = 300
    rate_limit_enabled: bool = False
    rate_limit_per_minute: int = 60
    rate_limit_per_hour: int = 1000

    @property
    def async_database_url(self) -> str:
        """The same database through SQLAlchemy's asyncpg dialect."""
        return self.database_url.replace("postgresql://", "postgresql+asyncpg://", 1)


@lru_cache
def get_settings() -> Settings:
    """Settings of this process, read once."""
    return Settings()
