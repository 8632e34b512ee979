"""Photos of companies: originals as they came, and the sizes and formats that a task makes of them."""

from alembic import op

revision = "hiring_0004"
down_revision = "hiring_0003"
branch_labels = None
depends_on = None

TABLES = """
create table hiring.photos (
    name text primary key check (name ~ '^[a-z0-9-]{1,80}$'),
    shows text not null check (length(shows) between 1 and 200),
    original bytea not null check (octet_length(original) <= 10485760),
    digest text,
    refused text,
    created_at timestamptz not null default now()
);
create index photos_waiting on hiring.photos (created_at) where digest is null and refused is null;
-- Pictures are compressed already.
alter table hiring.photos alter column original set storage external;

create table hiring.photo_variants (
    digest text not null,
    width integer not null check (width > 0),
    height integer not null check (height > 0),
    format text not null check (format in ('avif', 'webp')),
    body bytea not null,
    primary key (digest, width, format)
);
alter table hiring.photo_variants alter column body set storage external;
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("drop table hiring.photo_variants, hiring.photos")
