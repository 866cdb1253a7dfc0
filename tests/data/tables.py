"""Tables as people have them, and what pandas reads in them.

Each is a few rows in the very form of a data set that many know. Writes tables/*.csv, and tables.txt:
of each table its name, the fields of CsvFile that read it (as protobuf text), and the sum of each
input and target as pandas reads them (categories as get_dummies, classes as sorted categories).

    python -m venv /tmp/pandas && /tmp/pandas/bin/pip install pandas==3.1.1
    /tmp/pandas/bin/python tables.py > tables.txt
"""

import io
import pathlib

import pandas as pd

folder = pathlib.Path(__file__).parent / "tables"

# pandas' own list, and "?".
MISSING = ["?"]


def numbers(frame, categorical, dates, parts):
    """One column for each number that a column becomes."""
    columns = []
    for name in frame.columns:
        column = frame[name]
        if name in categorical:
            dummies = pd.get_dummies(column).sort_index(axis=1)
            columns += [dummies[c].astype(float) for c in dummies.columns]
        elif name in dates or name in parts:
            time = pd.to_datetime(column, format=dates.get(name) or parts.get(name))
            day = time.dt.normalize()
            if name in dates:
                columns.append((time - pd.Timestamp(0)) / pd.Timedelta(days=1))
            else:
                columns += [time.dt.year, time.dt.month, time.dt.day, time.dt.day_of_week]
                columns.append((time - day) / pd.Timedelta(hours=1))
        else:
            columns.append(column.astype(float))
    return columns


def table(
    name,
    text,
    targets,
    options="",
    categorical=(),
    ignore=(),
    dates=None,
    parts=None,
    missing=None,
    encoding="utf-8",
    **read,
):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_bytes(text.encode(encoding))
    frame = pd.read_csv(io.StringIO(text), na_values=MISSING, skipinitialspace=True, **read)
    frame.columns = [str(c) for c in frame.columns]
    frame = frame.drop(columns=list(ignore))
    if missing == "drop":
        frame = frame.dropna()
    inputs = frame.drop(columns=list(targets))
    columns = numbers(inputs, categorical, dates or {}, parts or {})
    if missing == "mean":
        columns = [c.fillna(c.mean()) for c in columns]
    classes = []
    for target in targets:
        column = frame[target]
        if target in categorical:
            column = pd.Categorical(column).codes.astype(float)
        classes.append(pd.Series(column).astype(float))

    def list_of(field, names):
        return "".join(f' {field}: "{n}"' for n in names)

    message = {"mean": " missing { mean {} }", "drop": " missing { drop {} }", None: ""}[missing]
    fields = list_of("targets", targets) + list_of("categorical", categorical)
    fields += list_of("ignore", ignore) + list_of("dates", dates or {})
    fields += list_of("date_parts", parts or {}) + message + (f" {options}" if options else "")
    print(f"table {name}")
    print(f"options{fields}")
    print("inputs", *[repr(float(c.sum())) for c in columns])
    print("targets", *[repr(float(c.sum())) for c in classes])
    print()


table(
    "iris",
    """sepal_length,sepal_width,petal_length,petal_width,species
5.1,3.5,1.4,0.2,setosa
4.9,3.0,1.4,0.2,setosa
7.0,3.2,4.7,1.4,versicolor
6.3,3.3,6.0,2.5,virginica
""",
    ["species"],
    categorical=["species"],
)
table(
    "titanic",
    """PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked
1,0,3,"Braund, Mr. Owen Harris",male,22,1,0,A/5 21171,7.25,,S
2,1,1,"Cumings, Mrs. John Bradley (Florence Briggs Thayer)",female,38,1,0,PC 17599,71.2833,C85,C
6,0,3,"Moran, Mr. James",male,,0,0,330877,8.4583,,Q
62,1,1,"Icard, Miss. Amelie",female,38,0,0,113572,80,B28,
""",
    ["Survived"],
    categorical=["Sex", "Embarked"],
    ignore=["PassengerId", "Name", "Ticket", "Cabin"],
    missing="mean",
)
table(
    "adult",
    """39, State-gov, 77516, Bachelors, 13, Male, 2174, United-States, <=50K
50, ?, 83311, Bachelors, 13, Male, 0, United-States, >50K
38, Private, 215646, HS-grad, 9, Female, 0, ?, <=50K
52, Private, 209642, HS-grad, 9, Female, 0, United-States, >50K

""",
    ["8"],
    options="header: false",
    categorical=["1", "3", "5", "7", "8"],
    missing="drop",
    header=None,
)
table(
    "auto_mpg",
    """18.0   8   307.0      130.0      3504.      12.0   70  1\t"chevrolet chevelle malibu"
25.0   4   98.00      ?          2046.      19.0   71  1\t"ford pinto"
24.0   4   113.0      95.00      2372.      15.0   70  3\t"toyota corona mark ii"
""",
    ["0"],
    options='header: false delimiter: " "',
    ignore=["8"],
    missing="mean",
    header=None,
    sep=r"\s+",
)
table(
    "wine_quality",
    """"fixed acidity";"volatile acidity";"citric acid";"quality"
7.4;0.7;0;5
7.8;0.88;0;5
11.2;0.28;0.56;6
""",
    ["quality"],
    options='delimiter: ";"',
    sep=";",
)
table(
    "boston",
    """ 0.00632  18.00   2.310  0  0.5380  6.5750  65.20  4.0900   1  296.0  15.30 396.90   4.98  24.00
 0.02731   0.00   7.070  0  0.4690  6.4210  78.90  4.9671   2  242.0  17.80 396.90   9.14  21.60
""",
    ["13"],
    options='header: false delimiter: " "',
    header=None,
    sep=r"\s+",
)
table(
    "california_housing",
    """longitude,latitude,total_bedrooms,median_income,median_house_value,ocean_proximity
-122.23,37.88,129.0,8.3252,452600.0,NEAR BAY
-122.16,37.77,,2.125,85700.0,NEAR BAY
-121.97,36.85,282.0,3.5,128700.0,<1H OCEAN
""",
    ["median_house_value"],
    categorical=["ocean_proximity"],
    missing="mean",
)
table(
    "penguins",
    """species,island,bill_length_mm,body_mass_g,sex,year
Adelie,Torgersen,39.1,3750,male,2007
Adelie,Torgersen,NA,NA,NA,2007
Gentoo,Biscoe,46.1,4500,female,2008
Chinstrap,Dream,46.5,3500,female,2009
""",
    ["species"],
    categorical=["species", "island", "sex"],
    missing="drop",
)
table(
    "diabetes",
    """Pregnancies,Glucose,BMI,DiabetesPedigreeFunction,Outcome
6,148,33.6,0.627,1
1,85,26.6,0.351,0
""",
    ["Outcome"],
)
table(
    "bank_marketing",
    """"age";"job";"marital";"default";"balance";"y"
30;"unemployed";"married";"no";1787;"no"
33;"services";"married";"no";4789;"yes"
35;"management";"single";"no";-1350;"no"
""",
    ["y"],
    options='delimiter: ";"',
    categorical=["job", "marital", "default", "y"],
    sep=";",
)
table(
    "mushrooms",
    """p,x,s,n,?
e,x,s,y,c
e,b,s,w,c
p,x,y,w,?
""",
    ["0"],
    options="header: false",
    categorical=["0", "1", "2", "3", "4"],
    missing="mean",
    header=None,
)
table(
    "abalone",
    """M,0.455,0.365,0.095,0.514,15
F,0.53,0.42,0.135,0.677,9
I,0.33,0.255,0.08,0.205,7
""",
    ["5"],
    options="header: false",
    categorical=["0"],
    header=None,
)
table(
    "airline_passengers",
    """"Month","Passengers"
"1949-01",112
"1949-02",118
"1960-12",432
""",
    ["Passengers"],
    parts={"Month": "%Y-%m"},
)
table(
    "airtravel",
    """"Month", "1958", "1959", "1960"
"JAN",  340,  360,  417
"FEB",  318,  342,  391
""",
    ["1960"],
    categorical=["Month"],
)
table(
    "german_excel",
    """Datum;Preis;Menge;Umsatz\r
31.12.2023;1.234,50;2;2.469,00\r
01.02.2024;-0,75;10;-7,50\r
""",
    ["Umsatz"],
    options='delimiter: ";" decimal: "," thousands: "."',
    dates={"Datum": "%d.%m.%Y"},
    encoding="utf-8-sig",
    sep=";",
    decimal=",",
    thousands=".",
    dtype={"Datum": str},
)
table(
    "r_write_csv",
    """"","mpg","cyl","am"
"Mazda RX4",21,6,TRUE
"Datsun 710",22.8,4,TRUE
"Hornet 4 Drive",21.4,6,FALSE
""",
    ["mpg"],
    index_col=0,
)
table(
    "r_write_table",
    """"mpg","cyl","am"
"Mazda RX4",21,6,1
"Datsun 710",22.8,4,1
""",
    ["mpg"],
    index_col=0,
)
table(
    "pandas_to_csv",
    """,bill,tip,smoker
0,16.99,1.01,False
1,10.34,1.66,True
""",
    ["tip"],
    index_col=0,
)
table(
    "bike_sharing",
    """datetime,season,temp,count
2011-01-01 00:00:00,1,9.84,16
2011-01-01 13:00:00,1,14.5,94

2012-12-19 23:30:00,4,13.12,88
""",
    ["count"],
    parts={"datetime": "%Y-%m-%d %H:%M:%S"},
)
table(
    "house_sales",
    """date,price,sqft,condition
10/13/2014,"221,900","1,180",3
12/09/2014,"538,000","2,570",3
""",
    ["price"],
    options='thousands: "," date_format: "%m/%d/%Y"',
    dates={"date": "%m/%d/%Y"},
    # pandas takes no separator of thousands that is the delimiter too.
    converters={name: lambda s: float(s.replace(",", "")) for name in ("price", "sqft")},
)
table(
    "old_macintosh",
    "x,y\r1,2\r3,4\r",
    ["y"],
)
