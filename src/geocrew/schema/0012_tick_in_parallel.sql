-- To ask whether anybody listens, a volatile function begins a command, which no process may that has parallel workers and has
-- written a row: CREATE TABLE AS failed there ("cannot start commands during a parallel operation").
ALTER FUNCTION geocrew.tick() STABLE;
