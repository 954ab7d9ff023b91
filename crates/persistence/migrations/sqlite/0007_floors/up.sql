-- Nothing to do: here no dead rows lie before the living ones, and a claim begins where its index does.
SELECT 1;
