;; Wants an interface that the contract does not have.
(component (import "millrace:processor/network@0.1.0" (instance)))
