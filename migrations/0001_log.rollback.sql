DROP TABLE
    parked, positions, jobs, refusals, drafts, api_keys, member_keys, programs,
    takes, claims, cold_rows, state_rows, stored_events;
DROP TYPE stored_event_uuid;
