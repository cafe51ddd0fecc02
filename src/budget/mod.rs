//! Budgets hold: the dearest that a request can cost is reserved before it is forwarded, in every budget that it counts
//! under and in one step, and settled from what it used. What is reserved belongs to somebody, so it comes back however a
//! request ends.
