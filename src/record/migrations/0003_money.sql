-- What spend is joined to, what was reserved, what the provider says, and what a restatement replaced. Adding columns
-- touches no row, so it takes no longer for a large ledger than for an empty one.
ALTER TABLE entries ADD COLUMN branch TEXT;
ALTER TABLE entries ADD COLUMN pull_request TEXT;
ALTER TABLE entries ADD COLUMN reserved_pico INTEGER;
ALTER TABLE entries ADD COLUMN provider_cost_pico INTEGER;
ALTER TABLE entries ADD COLUMN first_cost_pico INTEGER;     -- what was recorded before the first restatement
ALTER TABLE entries ADD COLUMN first_price_version TEXT;    -- NULL: never restated
ALTER TABLE entries ADD COLUMN web_searches INTEGER;        -- made by the provider, charged each
