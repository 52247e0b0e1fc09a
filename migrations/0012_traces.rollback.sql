DROP INDEX gateway_inbox_member_idx;
