//! Keys that are made while the proxy runs, tokens for the admin port, overrides of budgets, and who changed what.
