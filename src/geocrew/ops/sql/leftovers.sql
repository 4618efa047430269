-- Relations that were staged by attempts which are over.
SELECT count(*)::integer
FROM pg_class AS staged
WHERE relnamespace = 'geocrew_staging'::regnamespace AND relkind IN ('r', 'v', 'm') AND NOT EXISTS (
    SELECT FROM public.background_jobs
    WHERE status = 'running'
        AND replace(lease::text, '-', '') = substring(staged.relname FROM '^j\d+_([0-9a-f]{32})_')
)
