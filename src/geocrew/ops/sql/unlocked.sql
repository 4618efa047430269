-- The job, unless somebody's transaction holds its row: claims pass over such rows too.
SELECT id FROM public.background_jobs WHERE id = %(id)s AND status = 'queued' FOR SHARE SKIP LOCKED
