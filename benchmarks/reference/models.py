from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, DateTime, ForeignKey, Numeric
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

SCHEMA = {"schema": "hiring"}


class Base(DeclarativeBase):
    """Declarative base."""


class State(Base):
    """A state."""

    __tablename__ = "states"
    __table_args__ = SCHEMA

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]


class City(Base):
    """A city in a state."""

    __tablename__ = "cities"
    __table_args__ = SCHEMA

    id: Mapped[int] = mapped_column(primary_key=True)
    state_id: Mapped[int] = mapped_column(ForeignKey("hiring.states.id"))
    name: Mapped[str]
    slug: Mapped[str]


class Company(Base):
    """A spa, salon or hotel that hires; only what the job board reads."""

    __tablename__ = "companies"
    __table_args__ = SCHEMA

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]
    slug: Mapped[str]
    industry: Mapped[str]
    size: Mapped[str]
    rating: Mapped[Decimal | None] = mapped_column(Numeric(2, 1))


class Job(Base):
    """A vacancy; the description and the search vector are loaded only where asked for."""

    __tablename__ = "jobs"
    __table_args__ = SCHEMA

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("hiring.companies.id"))
    city_id: Mapped[int] = mapped_column(ForeignKey("hiring.cities.id"))
    state_id: Mapped[int] = mapped_column(ForeignKey("hiring.states.id"))
    title: Mapped[str]
    description: Mapped[str] = mapped_column(deferred=True)
    employment_type: Mapped[str]
    experience_level: Mapped[str]
    salary_min: Mapped[int | None]
    salary_max: Mapped[int | None]
    salary_period: Mapped[str | None]
    is_remote: Mapped[bool]
    is_active: Mapped[bool]
    is_featured: Mapped[bool]
    view_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True, deferred_raiseload=True)

    company: Mapped[Company] = relationship(lazy="raise")
    city: Mapped[City] = relationship(lazy="raise")
    state: Mapped[State] = relationship(lazy="raise")
