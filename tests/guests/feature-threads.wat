;; world: split
;; Uses an instruction of the threads proposal.
(func $fence (atomic.fence))
