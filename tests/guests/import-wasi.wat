;; Wants the environment.
(component (import "wasi:cli/environment@0.2.6" (instance)))
