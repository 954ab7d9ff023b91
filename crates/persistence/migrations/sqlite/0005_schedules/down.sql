DROP TABLE schedule_slot;
DROP TABLE schedule;
