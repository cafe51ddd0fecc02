//! What the money bought: outcomes, the spend that they are joined to, and alerts when they become dearer.
