"""Search: companies and places among a job's words, words for mistyped ones, an end for vacancies.

Safe while people read and write: columns are added empty, indexes are built concurrently, and rows are brought up to
date a few thousand at a time, each lot a transaction of its own. Until its row's turn comes, a job is found by its
title and text as before. A run that was cut short is run again from its start and does no harm twice.
"""

from alembic import op
from sqlalchemy import text

revision = "hiring_0002"
down_revision = "hiring_0001"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 2_000

# A generated column can't read other tables. Weights say where a word stands: A title, B company, C place, D text.
TABLES = """
create extension if not exists pg_trgm;

alter table hiring.jobs alter column search drop expression if exists;
alter table hiring.jobs add column if not exists expires_at timestamptz;

create or replace function hiring.job_words(title text, company_id bigint, city_id integer, description text)
returns tsvector language sql stable as $$
    select setweight(to_tsvector('pg_catalog.english', job_words.title), 'A')
        || setweight(to_tsvector('pg_catalog.english', c.name), 'B')
        || setweight(to_tsvector('pg_catalog.english', ci.name || ' ' || s.name || ' ' || s.code), 'C')
        || setweight(to_tsvector('pg_catalog.english', job_words.description), 'D')
    from hiring.companies c, hiring.cities ci join hiring.states s on s.id = ci.state_id
    where c.id = job_words.company_id and ci.id = job_words.city_id
$$;

create or replace function hiring.write_job_words() returns trigger language plpgsql as $$
begin
    new.search := hiring.job_words(new.title, new.company_id, new.city_id, new.description);
    return new;
end
$$;
create or replace trigger jobs_words before insert or update of title, company_id, city_id, description on hiring.jobs
    for each row execute function hiring.write_job_words();

create or replace function hiring.rewrite_company_words() returns trigger language plpgsql as $$
begin
    update hiring.jobs set title = title where company_id = new.id;
    return null;
end
$$;
create or replace trigger companies_words after update of name on hiring.companies
    for each row when (old.name is distinct from new.name) execute function hiring.rewrite_company_words();

-- Words of titles, companies and places, with how many open jobs bear each: what a mistyped word is compared with.
create table if not exists hiring.words (
    word text primary key check (length(word) between 3 and 40),
    jobs integer not null check (jobs >= 0)
);
create index if not exists words_similar on hiring.words using gin (word gin_trgm_ops);
"""
# A search for words in titles alone, or in all that a list shows of a job, reads an index of only those. All are of
# active jobs: beside an index of all jobs the planner reads a second one to know which are active (38 ms).
INDEXES = {
    "jobs_words": "using gin (search) with (fastupdate = off) where is_active",
    "jobs_title_words": "using gin (ts_filter(search, '{a}')) with (fastupdate = off) where is_active",
    "jobs_head_words": "using gin (ts_filter(search, '{a,b,c}')) with (fastupdate = off) where is_active",
    "jobs_expires_at": "(expires_at) where is_active and expires_at is not null",
}
BRING_UP = text("""
update hiring.jobs set search = hiring.job_words(title, company_id, city_id, description)
where id between :low and :high
""")


def upgrade() -> None:
    op.execute(TABLES)
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        low, high = connection.execute(text("select min(id), max(id) from hiring.jobs")).one()
        for start in range(low or 1, (high or 0) + 1, ROWS_AT_ONCE):
            connection.execute(BRING_UP, {"low": start, "high": start + ROWS_AT_ONCE - 1})
        for name, definition in INDEXES.items():
            # What a run that was cut short left behind is there by name, but serves nobody.
            connection.execute(text(f"drop index concurrently if exists hiring.{name}"))
            connection.execute(text(f"create index concurrently {name} on hiring.jobs {definition}"))
        connection.execute(text("drop index concurrently if exists hiring.jobs_search"))
        connection.execute(text("analyze hiring.jobs"))


def downgrade() -> None:
    op.execute("""
        drop trigger companies_words on hiring.companies;
        drop trigger jobs_words on hiring.jobs;
        drop function hiring.rewrite_company_words, hiring.write_job_words, hiring.job_words;
        drop table hiring.words;
        drop index hiring.jobs_words, hiring.jobs_title_words, hiring.jobs_head_words, hiring.jobs_expires_at;
        alter table hiring.jobs drop column expires_at, drop column search;
        alter table hiring.jobs add column search tsvector generated always as (
            setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', description), 'B')
        ) stored;
        create index jobs_search on hiring.jobs using gin (search) with (fastupdate = off);
    """)
