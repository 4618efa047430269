-- The parameters of a job, for the attempt that holds its lease; no row means that it is lost.
SELECT params FROM public.background_jobs WHERE id = %(id)s AND lease = %(lease)s
