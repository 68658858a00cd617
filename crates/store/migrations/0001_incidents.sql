-- Times are RFC 3339 text in UTC. Bodies are JSON text.
create table incident (
    number     integer primary key autoincrement,
    kind       text not null,
    subject    text not null,
    title      text not null,
    status     text not null,
    opened_at  text not null,
    updated_at text not null,
    body       text not null,
    head       text not null
) strict;

create table plan (
    id         text primary key,
    incident   integer not null references incident (number),
    kind       text not null,
    hash       text not null,
    created_at text not null,
    body       text not null
) strict;
create index plan_incident on plan (incident);

create table approval (
    plan  text not null references plan (id),
    scope text not null,
    hash  text not null,
    who   text not null,
    at    text not null,
    primary key (plan, scope)
) strict;

create table run (
    number     integer primary key autoincrement,
    incident   integer not null references incident (number),
    plan       text not null references plan (id),
    kind       text not null,
    started_at text not null,
    ended_at   text,
    outcome    text
) strict;

create table journal (
    incident integer not null references incident (number),
    number   integer not null,
    run      integer references run (number),
    at       text not null,
    kind     text not null,
    step     text,
    body     text not null,
    previous text not null,
    hash     text not null,
    primary key (incident, number)
) strict;
create trigger journal_is_never_rewritten before update on journal
begin select raise(abort, 'the journal is append-only'); end;
create trigger journal_is_never_cut before delete on journal
begin select raise(abort, 'the journal is append-only'); end;

create table pre_state (
    number   integer primary key autoincrement,
    incident integer not null references incident (number),
    plan     text not null references plan (id),
    name     text not null,
    saved_at text not null,
    body     text not null,
    sha256   text not null
) strict;
create index pre_state_incident on pre_state (incident);
create trigger pre_state_is_never_rewritten before update on pre_state
begin select raise(abort, 'a saved pre-state is never changed'); end;
create trigger pre_state_is_never_cut before delete on pre_state
begin select raise(abort, 'a saved pre-state is never deleted'); end;

create table finding (
    incident integer not null references incident (number),
    number   integer not null,
    body     text not null,
    primary key (incident, number)
) strict;

create table verdict (
    number   integer primary key autoincrement,
    incident integer not null references incident (number),
    at       text not null,
    outcome  text not null,
    body     text not null
) strict;
