;; Wants something nobody offers.
(component (import "acme:phone/home@1.0.0" (instance)))
