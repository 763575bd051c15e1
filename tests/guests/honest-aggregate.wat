;; world: aggregate
;; The host prelude alone: an aggregator that learns nothing.

