//! What several replicas share, on a Redis or Valkey server: counters that no replica may overshoot, revocations, who
//! holds which conversation. Rows are the truth; what is here can be thrown away and is built again.
