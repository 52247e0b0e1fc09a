-- The letters of one member, which are cleared of its name when it is erased.
CREATE INDEX gateway_inbox_member_idx ON gateway_inbox (program, member) WHERE member <> '';
