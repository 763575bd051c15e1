;; Was made for a later contract.
(component (import "millrace:processor/types@0.2.0" (instance)))
