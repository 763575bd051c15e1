;; world: transform
;; The host prelude alone: a transformer that writes nothing.

