-- SPDX-License-Identifier: MIT
-- Rule: a return instance belongs to a death
SELECT 0, 'return_instance', id, printf('return_instance row %d belongs to no death', id)
FROM return_instance
WHERE signal_id = 0 AND exit_state_id = 0
