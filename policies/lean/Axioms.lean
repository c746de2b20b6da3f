import Thm

/-! Prints the axioms that each theorem of the README rests on. The workflow allows Lean's own three. -/

#print axioms Bartizan.deny_overrides
#print axioms Bartizan.default_deny
#print axioms Bartizan.allow_needs_permit
#print axioms Bartizan.allow_antitone_add_deny
#print axioms Bartizan.deny_mono_add_deny
#print axioms Bartizan.order_and_dup_independent
#print axioms Bartizan.eval_monotone
#print axioms Bartizan.info_monotone
#print axioms Bartizan.index_slice_sound
#print axioms Bartizan.check_sound
#print axioms Bartizan.register_correct_once
#print axioms Bartizan.register_correct_previous
#print axioms Bartizan.register_correct_since
#print axioms Bartizan.window_ring_exact
#print axioms Bartizan.register_correct_count
#print axioms Bartizan.always_within_sound
#print axioms Bartizan.always_within_once_sound
#print axioms Bartizan.gate_sound
#print axioms Bartizan.gate_transparent
#print axioms Bartizan.accepts_exact
#print axioms Bartizan.closed_set_is_empty
