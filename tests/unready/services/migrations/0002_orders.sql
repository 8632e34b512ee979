ALTER TABLE orders ADD COLUMN total integer NOT NULL;
CREATE INDEX orders_total ON orders (total);
ALTER TABLE orders ALTER COLUMN status TYPE varchar(20);
ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id);
ALTER TABLE customers DROP COLUMN phone;
ALTER TABLE customers RENAME TO clients;
